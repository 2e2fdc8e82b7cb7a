# The debug console, and checks that report on it.

# In: ESI = text ended by 0. Changes nothing but flags.
print:
    pushl %eax
    pushl %esi
print_next:
    lodsb
    testb %al, %al
    jz print_done
    outb %al, $0xe9
    jmp print_next
print_done:
    popl %esi
    popl %eax
    ret

print_line:
    call print
    pushl %eax
    movb $10, %al
    outb %al, $0xe9
    popl %eax
    ret

# In: EAX = number, printed as eight hexadecimal digits.
print_hex:
    pushl %eax
    pushl %ecx
    pushl %edx
    movl $8, %ecx
    movl %eax, %edx
print_digit:
    roll $4, %edx
    movl %edx, %eax
    andl $15, %eax
    movb digits(%eax), %al
    outb %al, $0xe9
    decl %ecx
    jnz print_digit
    popl %edx
    popl %ecx
    popl %eax
    ret

# In: EAX = what was got; on the stack: the check's name, what is wanted. Drops both.
# Changes flags only. `expect(NAME, WANTED)` in the source is this call.
check_equal:
    pushl %eax
    pushl %edx
    pushl %esi
    movl %eax, %edx                         # ESI 0, EDX 4, EAX 8, return 12, name 16, wanted 20
    movl $text_check, %esi
    call print
    movl 16(%esp), %esi
    call print
    cmpl 20(%esp), %edx
    movl $text_pass, %esi
    je check_said
    incl failures
    movl $text_fail, %esi
check_said:
    call print
    movl $text_got, %esi
    call print
    movl %edx, %eax
    call print_hex
    movl $text_want, %esi
    call print
    movl 20(%esp), %eax
    call print_hex
    movb $10, %al
    outb %al, $0xe9
    popl %esi
    popl %edx
    popl %eax
    ret $8

digits:         .ascii "0123456789abcdef"
text_check:     .asciz "check "
text_pass:      .asciz " pass"
text_fail:      .asciz " fail"
text_got:       .asciz " got "
text_want:      .asciz " want "
text_ready:     .asciz "ready"
text_failed:    .asciz "failed "
text_rom:       .asciz "rom "
text_bound:     .asciz "bound "
text_of:        .asciz " of "
text_no_rom:    .asciz "no VMI ROM was found between C0000 and E0000"
text_no_init:   .asciz "VMI_Init refused"
text_exception: .asciz "unexpected exception, vector "
text_at:        .asciz " at "
text_error:     .asciz " error "

.data
.balign 4
failures:       .long 0                     # checks that failed
target:         .long 0                     # what call_target calls
