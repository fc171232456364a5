internal import Baton
internal import BatonCore

extension Command {
    static let doctor = Command(
        name: "doctor", summary: "Check the configuration, the store and the machine, and say what to do",
        discussion: """
            It takes the options of serve, so that what a daemon would run with can be looked at beforehand. The exit code is not 0 when \
            something is wrong; warnings leave it 0.
            """,
        examples: [
            Example(line: "baton doctor", meaning: "With the options and variables of this shell"),
            Example(line: "baton doctor --config /etc/baton.toml", meaning: "As a daemon with this file would see it"),
            Example(line: "baton doctor --store redis://10.0.0.5", meaning: "Is this Redis fit to keep sessions, and what does its user need?"),
            Example(line: "baton doctor --store http://127.0.0.1:4437", meaning: "Is the daemon well, and does it take the token?"),
            Example(line: "baton doctor --session demo/ann/first --repair", meaning: "Take halves of tool rounds out of one conversation"),
        ],
        options: ServeOptions.declarations.filter { $0.key != nil } + KeepingOptions.declarations
            + [SessionChecks.session.declaration, SessionChecks.repair.declaration] + OwnerOptions.declarations
    ) { invocation in
        if let name = invocation[SessionChecks.session] {
            var report = DoctorReport(invocation.console)
            try report.add(await SessionChecks(invocation, name).findings())
            return report.exitCode
        }
        if invocation[SessionChecks.repair] {
            throw UsageError(message: "--repair needs --session: which conversation", command: invocation.path.text)
        }
        var report = DoctorReport(invocation.console)
        try report.show(Settings(invocation))
        try report.add(ServeChecks(invocation).findings())
        try await report.add(StoreChecks(invocation).findings())
        try report.add(MachineChecks.findings())
        return report.exitCode
    }
}

/// One thing that was looked at.
struct Finding {
    enum Severity: String {
        case ok, warning, error
        /// It could not be looked at.
        case unseen
    }

    let check: String
    let severity: Severity
    /// What was found.
    let detail: String
    /// What to do about it; nil when there is nothing to do.
    var advice: String?
    /// The server that it is about, where there are several.
    var node: String?
    /// How the command ends when it is an error.
    var exitCode = ExitCode.unavailable

    static func ok(_ check: String, _ detail: String, hint: String? = nil) -> Finding {
        Finding(check: check, severity: .ok, detail: detail, advice: hint)
    }

    static func unseen(_ check: String, _ detail: String, do advice: String) -> Finding {
        Finding(check: check, severity: .unseen, detail: detail, advice: advice)
    }

    static func warning(_ check: String, _ detail: String, do advice: String) -> Finding {
        Finding(check: check, severity: .warning, detail: detail, advice: advice)
    }

    static func error(_ check: String, _ detail: String, do advice: String, exitCode: ExitCode = .unavailable) -> Finding {
        Finding(check: check, severity: .error, detail: detail, advice: advice, exitCode: exitCode)
    }
}

/// Every option with its value and where that came from, secrets left out.
private struct Settings {
    let rows: [(name: String, value: String, source: String)]

    init(_ invocation: Invocation) {
        var rows = invocation.effective.map { option in (option.name, Settings.redacted(option.name, option.value), Settings.text(option.source)) }
        let hasToken = ProcessEnvironment.variables[CommonOptions.tokenVariable]?.isEmpty == false
        rows.append(("token", hasToken ? "[redacted]" : "", hasToken ? CommonOptions.tokenVariable : "default"))
        self.rows = rows
    }

    /// An address may have a password in it.
    private static func redacted(_ name: String, _ value: String) -> String {
        guard name == CommonOptions.store.declaration.name else { return value }
        do throws(StoreError) { return try StoreAddress(value).description } catch {
            return value.contains("@") ? "[redacted]" : value
        }
    }

    private static func text(_ source: Invocation.Source) -> String {
        switch source {
        case .flag: "flag"
        case .variable(let name): name
        case .file(let path, let line): "\(path), line \(line)"
        case .byDefault: "default"
        }
    }
}

/// What was found, printed as it is found.
private struct DoctorReport {
    private let console: Console
    private(set) var exitCode = ExitCode.success

    init(_ console: Console) { self.console = console }

    func show(_ settings: Settings) throws {
        guard console.format == .table else {
            for (name, value, source) in settings.rows {
                try console.write(json: DoctorReport.object([("option", name), ("value", value), ("source", source)]))
            }
            return
        }
        var table = Table(["OPTION", "VALUE", "FROM"].map { Table.Column(title: $0) })
        for row in settings.rows { table.add([row.name, row.value, row.source]) }
        try console.write(table.rendered(width: console.width, style: console.outputStyle) + "\n")
    }

    mutating func add(_ findings: [Finding]) throws {
        for finding in findings {
            if finding.severity == .error, exitCode == .success { exitCode = finding.exitCode }
            switch console.format {
            case .ndjson:
                var members = [("check", finding.check), ("status", finding.severity.rawValue), ("detail", finding.detail)]
                if let advice = finding.advice { members.append(("advice", advice)) }
                if let node = finding.node { members.append(("node", node)) }
                try console.write(json: DoctorReport.object(members))
            case .table:
                let style = console.outputStyle
                let mark =
                    switch finding.severity {
                    case .ok: style.green("ok     ")
                    case .warning: style.yellow("warning")
                    case .error: style.red("error  ")
                    case .unseen: style.dim("unseen ")
                    }
                let subject = finding.check + (finding.node.map { " of \(TerminalText.safe($0))" } ?? "")
                try console.write("\(mark)  \(subject): \(TerminalText.safe(finding.detail))\n")
                if let advice = finding.advice { try console.write("         \(TerminalText.safe(advice))\n") }
            }
        }
    }

    private static func object(_ members: [(name: String, value: String)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            for (name, value) in members { writer.member(name, JSON(string: value)) }
        }
        return writer.bytes
    }
}
