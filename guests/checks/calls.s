# What this guest checks.

check_calls:
    call check_masks
    call check_delivery
    call check_descriptors
    ret
