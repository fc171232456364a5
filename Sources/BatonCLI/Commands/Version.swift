internal import BatonCore
internal import BatonServer

extension Command {
    static let version = Command(name: "version", summary: "Print the version") { invocation in
        try showVersion(asJSON: invocation[CommonOptions.json], on: invocation.console)
    }

    /// In plain words, in pipes too: that is what people paste into reports.
    static func showVersion(asJSON: Bool = false, on console: Console) throws -> ExitCode {
        guard asJSON else {
            try console.write("baton \(Daemon.version)\n")
            return .success
        }
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("version")
            writer.string(Daemon.version)
        }
        try console.write(json: writer.bytes)
        return .success
    }
}
