"""What a memory is as a container: how much it holds, what it forgets, how full it is when it is drawn from."""
