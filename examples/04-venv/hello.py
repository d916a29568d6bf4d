from flask import Flask

app = Flask(__name__)


@app.route("/")
def index() -> str:
    return "Hello, world!"


if __name__ == "__main__":
    # 0.0.0.0, not 127.0.0.1: inside a container the latter cannot be reached from outside.
    app.run(host="0.0.0.0", port=5000)
