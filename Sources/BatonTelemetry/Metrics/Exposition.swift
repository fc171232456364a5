/// Prometheus text, version 0.0.4: prometheus.io/docs/instrumenting/exposition_formats.
struct ExpositionWriter {
    private(set) var bytes: [UInt8] = []

    mutating func header(_ name: String, help: String, kind: Kind) {
        append("# HELP \(name) ")
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append(#"\\"#)
            case UInt8(ascii: "\n"): append(#"\n"#)
            default: bytes.append(byte)
            }
        }
        append("\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func sample(_ name: String, _ labels: LabelText, _ value: String) {
        append(name)
        if !labels.text.isEmpty { append("{\(labels.text)}") }
        append(" \(value)\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    static func format(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
        return String(value)
    }
}

/// The labels of a series as they are written between braces.
struct LabelText {
    private(set) var text = ""

    init(_ names: [String], _ values: [String]) {
        for (name, value) in zip(names, values) { add(name, value) }
    }

    func adding(_ name: String, _ value: String) -> LabelText {
        var copy = self
        copy.add(name, value)
        return copy
    }

    private mutating func add(_ name: String, _ value: String) {
        if !text.isEmpty { text += "," }
        text += name
        text += "=\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += #"\\"#
            case "\"": text += #"\""#
            case "\n": text += #"\n"#
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension Counter: Series {
    func write(_ name: String, _ labels: LabelText, to writer: inout ExpositionWriter) -> Bool {
        writer.sample(name, labels, String(value))
        return true
    }
}

extension Gauge: Series {
    func write(_ name: String, _ labels: LabelText, to writer: inout ExpositionWriter) -> Bool {
        writer.sample(name, labels, ExpositionWriter.format(value))
        return true
    }
}

extension Histogram: Series {
    /// Count is the sum of the buckets read, so that it always equals the last bucket even while others record.
    func write(_ name: String, _ labels: LabelText, to writer: inout ExpositionWriter) -> Bool {
        let counts = bucketCounts
        var total: UInt64 = 0
        for (bound, count) in zip(bounds, counts) {
            total &+= count
            writer.sample(name + "_bucket", labels.adding("le", ExpositionWriter.format(bound)), String(total))
        }
        total &+= counts[bounds.count]
        writer.sample(name + "_bucket", labels.adding("le", "+Inf"), String(total))
        writer.sample(name + "_sum", labels, ExpositionWriter.format(sum))
        writer.sample(name + "_count", labels, String(total))
        return true
    }
}

extension Observed: Series {
    func write(_ name: String, _ labels: LabelText, to writer: inout ExpositionWriter) -> Bool {
        guard let value = read() else { return false }
        writer.sample(name, labels, ExpositionWriter.format(value))
        return true
    }
}
