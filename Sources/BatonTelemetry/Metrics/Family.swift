internal import Synchronization

enum Kind: String { case counter, gauge, histogram }

/// What a family can write of one of its series.
protocol Series: AnyObject, Sendable {
    /// False when the series has nothing left to show and is to be forgotten.
    func write(_ name: String, _ labels: LabelText, to writer: inout ExpositionWriter) -> Bool
}

protocol AnyFamily: Sendable {
    var name: String { get }
    func write(to writer: inout ExpositionWriter)
}

/// Instruments of one name, told apart by label values.
public final class Family<Instrument: Sendable>: Sendable {
    let name: String
    let help: String
    let kind: Kind
    let labels: [String]
    private let maximumSeries: Int
    private let make: @Sendable () -> Instrument
    private let instruments = Mutex<[[String]: Instrument]>([:])

    init(name: String, help: String, kind: Kind, labels: [String], maximumSeries: Int, make: @escaping @Sendable () -> Instrument) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.maximumSeries = maximumSeries
        self.make = make
    }

    /// The instrument of these label values, one for each label name in the same order. Takes a lock: bind it once, record often.
    ///
    /// When the family holds as many combinations as it may, all new ones share one instrument whose every label is `__other__`.
    public func series(_ values: [String]) -> Instrument {
        precondition(values.count == labels.count, "\(name) has the labels \(labels), and got \(values.count) values")
        return instruments.withLock { instruments in
            if let known = instruments[values] { return known }
            let key = bounded(values, in: instruments)
            if let known = instruments[key] { return known }
            let new = make()
            instruments[key] = new
            return new
        }
    }

    /// Puts `instrument` where another one may be.
    func replace(_ values: [String], with instrument: Instrument) {
        instruments.withLock { $0[bounded(values, in: $0)] = instrument }
    }

    private func bounded(_ values: [String], in instruments: [[String]: Instrument]) -> [String] {
        instruments[values] != nil || instruments.count < maximumSeries ? values : labels.map { _ in "__other__" }
    }

    /// The instrument of these label values, as ``series(_:)-([String])``.
    public func series(_ values: String...) -> Instrument { series(values) }
}

extension Family: AnyFamily where Instrument: Series {
    func write(to writer: inout ExpositionWriter) {
        let sorted = instruments.withLock { instruments in instruments.map { ($0.key, $0.value) } }
            .sorted { $0.0.lexicographicallyPrecedes($1.0) }
        guard !sorted.isEmpty else { return }
        writer.header(name, help: help, kind: kind)
        for (values, instrument) in sorted {
            if !instrument.write(name, LabelText(labels, values), to: &writer) {
                instruments.withLock { if $0[values] === instrument { $0[values] = nil } }
            }
        }
    }
}
