"""Every image decoded and resized once, kept as uint8 in a file for all runs and in device memory for one."""
