// Loaded before a program: it ends when whoever started it is gone, however that went.
process.stdin.on("close", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
