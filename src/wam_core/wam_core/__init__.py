"""Pure core of ALOHA-WAM: no ROS, no clock, no threads, no I/O. Time is integer nanoseconds."""
