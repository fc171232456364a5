/// A number that is kept elsewhere, as it was when it was read.
public struct MetricSample: Sendable {
    let name: String
    let help: String
    let isCounter: Bool
    let labels: [String: String]
    let value: Double

    /// A sample of its parts.
    public init(_ name: String, help: String, isCounter: Bool = false, labels: [String: String] = [:], value: Double) {
        self.name = name
        self.help = help
        self.isCounter = isCounter
        self.labels = labels
        self.value = value
    }

    var isValid: Bool { MetricName.isValid(name) && labels.keys.allSatisfy(MetricName.isValidLabel) }
}

/// Samples of one name.
struct SampledFamily: AnyFamily {
    let name: String
    private let help: String
    private let kind: Kind
    private var rows: [(labels: LabelText, value: Double)] = []

    init(like sample: MetricSample) {
        name = sample.name
        help = sample.help
        kind = sample.isCounter ? .counter : .gauge
    }

    mutating func add(_ sample: MetricSample) {
        let labels = sample.labels.sorted { $0.key < $1.key }
        let text = LabelText(labels.map(\.key), labels.map(\.value))
        // A series stands in an exposition once.
        if !rows.contains(where: { $0.labels.text == text.text }) { rows.append((text, sample.value)) }
    }

    func write(to writer: inout ExpositionWriter) {
        writer.header(name, help: help, kind: kind)
        for row in rows.sorted(by: { $0.labels.text < $1.labels.text }) { writer.sample(name, row.labels, ExpositionWriter.format(row.value)) }
    }
}
