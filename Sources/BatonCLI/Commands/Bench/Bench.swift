internal import BatonCore

extension Command {
    static let bench = Command(
        name: "bench", summary: "Measure a store: how many operations a second, and how long they take",
        discussion: """
            It works in sessions of its own, in the app baton-bench; they are deleted at the end, and expire by themselves an hour after they \
            were last written should it be killed. Run it on an idle store, or know what you measure beside. The figures hold for \
            the way from here to the store: run it where your workers run.
            """,
        examples: [
            Example(line: "baton bench --store redis://10.0.0.5", meaning: "What this machine gets from that Redis"),
            Example(line: "baton bench --store http://127.0.0.1:4437 --callers 64", meaning: "Through a daemon, by 64 callers at once"),
            Example(line: "baton bench --json > before.ndjson", meaning: "Keep the figures"),
            Example(line: "baton bench --baseline before.ndjson", meaning: "Measure again, and compare"),
        ],
        options: [callers.declaration, time.declaration, size.declaration, baseline.declaration] + KeepingOptions.declarations
    ) { invocation in
        guard invocation[callers].allSatisfy({ (1...1024).contains($0) }) else {
            throw UsageError(message: "--callers has to be 1 to 1024", command: invocation.path.text)
        }
        let before = try invocation[baseline].map { path in try Baseline(LocalFile.text(path, upTo: 1 << 20), named: path) }
        let console = invocation.console
        return try await invocation.withStore(creating: true) { store in
            let counts = invocation[callers].isEmpty ? [1, 16, 64] : Set(invocation[callers]).sorted()
            let workload = try Workload(store, callers: counts, time: invocation[time], size: invocation[size].bytes)
            var rows: [(measurement: Measurement, ratio: Double?)] = []
            do {
                try await workload.prepare()
                for step in workload.steps {
                    if console.format == .table { console.say(console.errorStyle.dim("\(step.operation), \(step.callers) at once …")) }
                    let measurement = try await workload.measure(step)
                    let row = (measurement, before?.ratio(of: measurement))
                    rows.append(row)
                    if console.format == .ndjson { try console.write(json: document(row.0, row.1)) }
                }
            } catch {
                await workload.cleanUp()
                throw error
            }
            await workload.cleanUp()
            if console.format == .table { try console.write(table(rows).rendered(width: console.width, style: console.outputStyle)) }
            return rows.contains { $0.measurement.failures > 0 } ? .unavailable : .success
        }
    }

    private static func table(_ rows: [(measurement: Measurement, ratio: Double?)]) -> Table {
        let compares = rows.contains { $0.ratio != nil }
        var table = Table(
            [Table.Column(title: "OPERATION")]
                + (["CALLERS", "A SECOND", "P50 ms", "P99 ms", "FAILED"] + (compares ? ["OF BEFORE"] : [])).map {
                    Table.Column(title: $0, alignment: .right)
                }
        )
        for (row, ratio) in rows {
            table.add([
                row.step.operation.rawValue, String(row.step.callers), decimal(row.rate, places: row.rate < 100 ? 1 : 0), decimal(row.p50, places: 2),
                decimal(row.p99, places: 2), String(row.failures), ratio.map { decimal($0, places: 2) } ?? "",
            ])
        }
        return table
    }

    private static func document(_ row: Measurement, _ ratio: Double?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("operation", JSON(string: row.step.operation.rawValue))
            writer.member("callers", number(row.step.callers))
            writer.member("count", number(row.count))
            writer.member("failed", number(row.failures))
            writer.member("perSecond", number(row.rate))
            writer.member("p50Ms", number(row.p50))
            writer.member("p99Ms", number(row.p99))
            if let ratio { writer.member("ofBaseline", number(ratio)) }
        }
        return writer.bytes
    }

    /// Swift writes finite numbers as JSON does: RFC 8259 section 6.
    private static func number(_ value: some Numeric & CustomStringConvertible) -> JSON { JSON(checked: Array(value.description.utf8)) }

    /// With so many digits behind the point, rounded.
    private static func decimal(_ value: Double, places: Int) -> String {
        guard places > 0 else { return String(Int(value.rounded())) }
        let scale = places == 1 ? 10 : 100
        let scaled = Int((value * Double(scale)).rounded())
        let fraction = String(scaled % scale)
        return "\(scaled / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }

    private static let callers = Option<[Int]>(
        repeated: "callers", "N", help: "So many at once; may be given several times. 1, 16 and 64 unless given",
        traits: OptionTraits(settable: .flagOnly))
    private static let time = Option<Duration>(
        "time", "TIME", default: .seconds(2), in: .milliseconds(10) ... .seconds(600), help: "How long each operation is measured",
        traits: OptionTraits(settable: .flagOnly))
    private static let size = Option<ByteSize>(
        "size", "SIZE", default: ByteSize(bytes: 500), in: ByteSize(bytes: 0)...ByteSize.mebibytes(1), help: "How large the content of an event is",
        traits: OptionTraits(settable: .flagOnly))
    private static let baseline = Option<String?>(
        "baseline", "FILE", help: "The --json output of an earlier run: adds how much of its rate there is now",
        traits: OptionTraits(settable: .flagOnly, completesFiles: true))
}

/// What an earlier run measured.
private struct Baseline {
    private var rates: [Workload.Step: Double] = [:]

    init(_ text: String, named path: String) throws {
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard let row = try? JSON(parsing: String(line)), let name = row["operation"]?.stringValue, let callers = row["callers"]?.intValue,
                let rate = row["perSecond"].flatMap({ Double($0.description) })
            else { throw Failure(.badData, "--baseline: line \(index + 1) of \(TerminalText.quoted(path)) is no line of baton bench --json") }
            // An operation of another version is nothing to compare with.
            if let operation = Workload.Operation(rawValue: name) { rates[Workload.Step(operation: operation, callers: callers)] = rate }
        }
    }

    /// How much of the rate of before there is now.
    func ratio(of measurement: Measurement) -> Double? {
        rates[measurement.step].flatMap { $0 > 0 ? measurement.rate / $0 : nil }
    }
}
