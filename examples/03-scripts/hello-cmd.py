print("Hello from command line")
