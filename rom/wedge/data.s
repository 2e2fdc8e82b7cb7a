# What all calls of all processors share: those of the first processor's block are in use.

linear_mappings:                            # four times: linear address, pages (0: unused), frame
    .space 48

start_page:                                 # linear address of the pages that a processor starts in
    .space 4
linear_offset:                              # linear address of the guest's map less physical one
    .space 4
