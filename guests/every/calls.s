# A guest that makes every call once and checks its effect by the machine's own instructions: all but
# those of time, of the local APIC and of other processors, and those that end the guest. It wants a
# Pentium II: MSRs, SYSENTER, CMPXCHG8B, global pages.

check_calls:
    call check_masks
    call check_delivery
    call check_descriptors
    call check_segments
    call check_processor
    call check_debug_registers
    call check_page_calls
    call check_mapping
    call check_ports
    call check_strings
    call check_user
    ret
