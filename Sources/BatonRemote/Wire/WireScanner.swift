internal import BatonCore

/// An answer that is not what was asked for.
enum WireError {
    static func incompatible(_ what: String) -> StoreError {
        StoreError(.storeIncompatible, "the daemon's answer cannot be understood: \(what)")
    }

    static func broken(_ error: JSONError) -> StoreError {
        incompatible("\(error.reason.rawValue), at byte \(error.position)")
    }
}

/// Walks over an answer once and takes values out of it.
struct WireScanner {
    private var scanner = JSONScanner()

    /// Reads the one object of an answer.
    static func document(
        _ bytes: [UInt8], _ member: (inout WireScanner, Span<UInt8>, _ name: String) throws(StoreError) -> Void
    ) throws(StoreError) {
        var scanner = WireScanner()
        try scanner.object(bytes.span, member)
        do throws(JSONError) { try scanner.scanner.end(bytes.span) } catch { throw WireError.broken(error) }
    }

    /// Reads an object: `member` consumes the value of each.
    mutating func object(
        _ bytes: Span<UInt8>, _ member: (inout WireScanner, Span<UInt8>, _ name: String) throws(StoreError) -> Void
    ) throws(StoreError) {
        try scanner.object(bytes, failing: WireError.broken) { (scanner, range) throws(StoreError) in
            let name: String
            do throws(JSONError) { name = try JSONScanner.text(range, in: bytes) } catch { throw WireError.broken(error) }
            var inner = WireScanner(scanner: scanner)
            try member(&inner, bytes, name)
            scanner = inner.scanner
        }
    }

    /// Reads an array: `element` consumes each value.
    mutating func array<Element>(
        _ bytes: Span<UInt8>, _ element: (inout WireScanner, Span<UInt8>) throws(StoreError) -> Element
    ) throws(StoreError) -> [Element] {
        var elements: [Element] = []
        try scanner.array(bytes, failing: WireError.broken) { (scanner, _) throws(StoreError) in
            var inner = WireScanner(scanner: scanner)
            elements.append(try element(&inner, bytes))
            scanner = inner.scanner
        }
        return elements
    }

    /// Consumes a value.
    mutating func json(_ bytes: Span<UInt8>) throws(StoreError) -> JSON {
        var copy: [UInt8] = []
        try append(bytes, to: &copy)
        return JSON(checked: copy)
    }

    /// Consumes a value and appends its bytes.
    mutating func append(_ bytes: Span<UInt8>, to output: inout [UInt8]) throws(StoreError) {
        do throws(JSONError) {
            bytes.extracting(try scanner.value(bytes)).withUnsafeBufferPointer { output.append(contentsOf: $0) }
        } catch { throw WireError.broken(error) }
    }

    /// Consumes a value that nobody needs.
    mutating func skip(_ bytes: Span<UInt8>) throws(StoreError) {
        do throws(JSONError) { try scanner.value(bytes) } catch { throw WireError.broken(error) }
    }

    /// Consumes a string; `nil` for anything else.
    mutating func string(_ bytes: Span<UInt8>) throws(StoreError) -> String? { try json(bytes).stringValue }

    /// Consumes a whole number; `nil` for anything else.
    mutating func int(_ bytes: Span<UInt8>) throws(StoreError) -> Int? { try json(bytes).intValue }

    /// Consumes `true` or `false`; `nil` for anything else.
    mutating func bool(_ bytes: Span<UInt8>) throws(StoreError) -> Bool? {
        switch try json(bytes).description {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// Consumes a time; `nil` for anything else.
    mutating func time(_ bytes: Span<UInt8>) throws(StoreError) -> Timestamp? { try string(bytes).flatMap { Timestamp($0) } }

    /// Consumes an offset; `nil` for anything else.
    mutating func offset(_ bytes: Span<UInt8>) throws(StoreError) -> Offset? { try string(bytes).flatMap { Offset($0) } }
}
