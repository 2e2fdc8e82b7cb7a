# No paging, so nothing to map.

check_mapping:
    ret
