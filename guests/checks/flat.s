# No paging: linear addresses are physical ones.

.set PAGE_OFFSET, 0

set_up_paging:
    ret
