"""The socket, on real files, real locks and real sockets."""
