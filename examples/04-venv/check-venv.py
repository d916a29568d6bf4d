import sys

print(sys.prefix)
print(sys.executable)
