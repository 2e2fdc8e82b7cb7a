# What depends on the form of the page tables: 32-bit entries.

.data
.balign 4
space:          .long page_directory        # CR3 of both processors
has_nx:         .long 0
