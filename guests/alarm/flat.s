# Without paging the local APIC is where it is.

map_apic:
    ret
