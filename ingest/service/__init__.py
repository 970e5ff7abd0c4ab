"""The collector as a service of the machine: what it says to systemd, and the files that make it one."""
