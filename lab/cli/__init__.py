"""The lab's command line and its demos."""
