"""Planning and running of jobs; nothing here can change a number, so no code digest covers it."""
