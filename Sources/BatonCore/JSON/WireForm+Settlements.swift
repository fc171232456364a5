// How consumers say what becomes of deliveries.

/// Settlements of one consumer as they stand in JSON.
package struct SettlementRequest: Hashable, Sendable {
    /// The words for what becomes of a delivery.
    package enum Action: String, Hashable, Sendable, CaseIterable {
        /// Done.
        case ack
        /// Again, later.
        case nack
        /// Not done yet.
        case extend
        /// Never again.
        case terminate
        /// Again at once, as if it had not been handed out.
        case release
    }

    /// Who settles.
    package var consumer: String
    /// What becomes of each delivery. Those that are extended without a time have ``SettlementRequest/groupsLease``.
    package var settlements: [Settlement]

    /// Stands for the lease of the group in ``Settlement/Action/extend(_:)``.
    package static let groupsLease = 0

    /// Reads a request that settles all deliveries in one way: `{consumer, deliveries: [{id, token}]}`, with `delay` and `reason` for `nack`, `reason`
    /// for `terminate`, and `leaseSeconds` for `extend`. Without an action each delivery says its own: `{id, token, action, delay?, …}`.
    /// - Throws: ``StoreError/Code/invalidJSON``, ``StoreError/Code/unknownField``, ``StoreError/Code/invalidField``,
    ///   ``StoreError/Code/tooLarge``.
    package init(parsing bytes: [UInt8], as action: Action?) throws(StoreError) {
        var consumer: String?
        var elements: [JSON]?
        var common = Fields(action)
        try ObjectReader.document(bytes, at: "") { (field) throws(StoreError) in
            switch field.name {
            case "consumer": consumer = try field.string()
            case "deliveries":
                elements = field.raw.elements
                if elements == nil { throw field.wrongType("an array of deliveries") }
            default:
                guard action != nil else { throw field.unknown(allowed: "consumer, deliveries") }
                try common.read(field, besides: "consumer, deliveries")
            }
        }
        guard let consumer else { throw StoreError(.invalidField, "consumer is missing; it names the worker that holds the deliveries") }
        guard let elements else { throw StoreError(.invalidField, "deliveries is missing; it says which, as objects with id and token") }
        guard elements.count <= 1000 else {
            throw StoreError(.tooLarge, "deliveries has \(elements.count) elements; one request settles at most 1000")
        }
        var settlements: [Settlement] = []
        settlements.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            let place = "deliveries[\(index)]"
            var id: String?
            var token: String?
            var own = Fields(nil)
            try ObjectReader.document(element.bytes, at: place) { (field) throws(StoreError) in
                switch field.name {
                case "id": id = try field.string()
                case "token": token = try field.string()
                case "action" where action == nil: own.action = try field.choice(of: Action.self)
                default:
                    guard action == nil else { throw field.unknown(allowed: "id, token") }
                    try own.read(field, besides: "id, token, action")
                }
            }
            guard let id, let token else { throw StoreError(.invalidField, "\(place) has to have id and token, as they were handed out") }
            settlements.append(Settlement(id: id, token: token, try (action == nil ? own : common).settled(at: place)))
        }
        (self.consumer, self.settlements) = (consumer, settlements)
    }

    /// What may stand beside an action.
    private struct Fields {
        var action: Action?
        var delay: Duration?
        var reason: String?
        var lease: Duration?

        init(_ action: Action?) { self.action = action }

        mutating func read(_ field: ObjectReader.Field, besides others: String) throws(StoreError) {
            switch (field.name, action) {
            case ("delay", .nack), ("delay", nil): delay = try field.seconds()
            case ("reason", .nack), ("reason", .terminate), ("reason", nil): reason = try field.string()
            case ("leaseSeconds", .extend), ("leaseSeconds", nil): lease = try field.seconds()
            default:
                let own =
                    switch action {
                    case .nack: ", delay, reason"
                    case .terminate: ", reason"
                    case .extend: ", leaseSeconds"
                    case .ack, .release: ""
                    case nil: ", delay, reason, leaseSeconds"
                    }
                throw field.unknown(allowed: others + own)
            }
        }

        func settled(at place: String) throws(StoreError) -> Settlement.Action {
            guard let action else {
                throw StoreError(.invalidField, "\(place).action has to be one of: \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            switch (action, delay, reason, lease) {
            case (.ack, nil, nil, nil): return .acknowledge
            case (.release, nil, nil, nil): return .release
            case (.nack, let delay, let reason, nil): return .reject(delay: delay?.wholeMilliseconds, reason: reason)
            case (.terminate, nil, let reason, nil): return .terminate(reason: reason)
            case (.extend, nil, nil, let lease):
                guard let lease else { return .extend(SettlementRequest.groupsLease) }
                // Zero stands for the group's; nobody can ask for it.
                guard lease >= .milliseconds(1) else { throw StoreError(.invalidField, "leaseSeconds has to be from 0.1 to 43200") }
                return .extend(lease.wholeMilliseconds)
            default: throw StoreError(.invalidField, "\(place): delay goes with nack, reason with nack and terminate, leaseSeconds with extend")
            }
        }
    }
}

extension JSONWriter {
    /// A request that settles deliveries, each in its own way.
    package mutating func settlements(_ settlements: [Settlement], by consumer: String) {
        object { writer in
            writer.name("consumer")
            writer.string(consumer)
            writer.name("deliveries")
            writer.array { writer in
                for settlement in settlements { writer.settlement(settlement) }
            }
        }
    }

    private mutating func settlement(_ settlement: Settlement) {
        object { writer in
            writer.name("id")
            writer.string(settlement.id)
            writer.name("token")
            writer.string(settlement.token)
            writer.name("action")
            switch settlement.action {
            case .acknowledge: writer.string(SettlementRequest.Action.ack.rawValue)
            case .release: writer.string(SettlementRequest.Action.release.rawValue)
            case .reject(let delay, let reason):
                writer.string(SettlementRequest.Action.nack.rawValue)
                if let delay {
                    writer.name("delay")
                    writer.seconds(ofMilliseconds: delay)
                }
                writer.reason(reason)
            case .extend(let lease):
                writer.string(SettlementRequest.Action.extend.rawValue)
                writer.name("leaseSeconds")
                writer.seconds(ofMilliseconds: lease)
            case .terminate(let reason):
                writer.string(SettlementRequest.Action.terminate.rawValue)
                writer.reason(reason)
            }
        }
    }

    private mutating func reason(_ reason: String?) {
        guard let reason else { return }
        name("reason")
        string(reason)
    }
}
