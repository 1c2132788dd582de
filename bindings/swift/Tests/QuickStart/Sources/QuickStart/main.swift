try await quickStart(folder: CommandLine.arguments[1], invitation: CommandLine.arguments[2])
