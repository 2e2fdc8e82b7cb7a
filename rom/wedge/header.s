# The option ROM's header and the entries that a guest calls (VMI ABI, section 1). The BIOS finds
# the image by its first bytes, Linux by the signature at 8; both fields of strings and of headers
# are offsets from the image's start. Lengths and checksums are filled in once all else is known.

rom_start:
    .word 0xaa55                            # 00 rom_signature
rom_length:
    .byte 0                                 # 02 in units of 512 bytes
    .byte 0xe9                              # 03 rom_entry: jmp rel16 to the 16-bit init
    .word post_init-rom_entry_end
rom_entry_end:
    .byte 0x90
rom_checksum:
    .byte 0                                 # 07 makes the sum of all bytes 0
    .long 0x696d5663                        # 08 vrom_signature "cVmi"
    .byte API_MINOR                         # 0c api_version_min
    .byte API_MAJOR                         # 0d api_version_maj
    .byte 2                                 # 0e jump_slots: the two below
    .byte 0                                 # 0f
    .long 0                                 # 10 virtual_top: this ROM needs no hole
    .word 0                                 # 14
    .word license                           # 16 license_offs
    .word pci_header                        # 18 pci_header_offs
    .word pnp_header                        # 1a pnp_header_offs
    .long 0                                 # 1c

    .org 0x20
pci_header:
    .ascii "PCIR"
    .word 0x15ad                            # vendor and device that Linux expects of a VMI ROM
    .word 0x0801
    .word 0                                 # no vital product data
    .word 0x18                              # length of this structure
    .byte 0                                 # revision
    .byte 0, 0x80, 5                        # class: memory controller, other
pci_length:
    .word 0                                 # the same
    .byte ROM_MINOR                         # ROM version
    .byte ROM_MAJOR
    .byte 0                                 # code type: Intel x86
    .byte 0x80                              # last image
    .word 0

    .org 0x40
pnp_header:
    .ascii "$PnP"
    .byte 1                                 # revision
    .byte 2                                 # length in 16-byte units
    .word 0                                 # no further header
    .byte 0
pnp_checksum:
    .byte 0                                 # makes the sum of these 32 bytes 0
    .long 0
    .word manufacturer
    .word product
    .byte 0, 0x80, 5                        # class, as above
    .byte 0                                 # not a boot device: no vectors
    .word 0
    .word 0
    .word 0
    .word 0
    .word 0

    .org 0x60
license:
    .asciz "GPL v2"

    .org 0x80                               # vmi_init
    .byte 0xe9
    .long VMI_Init-vmi_init_end
vmi_init_end:

    .org 0x88                               # get_relocation_info
    .byte 0xe9
    .long GetRelocationInfo-get_relocation_end
get_relocation_end:

    .org 0x90
