"""Pressure and proof from outside: runs that call the real server and judge what it says."""
