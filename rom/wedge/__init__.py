"""What all ROMs share: the virtual CPU, finding it, the virtual PIC, delivery and frames."""
