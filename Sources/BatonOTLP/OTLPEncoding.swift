internal import BatonTelemetry

/// Spans as an `ExportTraceServiceRequest` in OTLP's JSON: the JSON of Protocol Buffers, but for ids, which are hexadecimal.
struct OTLPEncoding {
    private var bytes: [UInt8] = []

    /// One request with these spans.
    /// - Parameter version: of the program that made them.
    static func request(_ spans: [SpanRecord], resource: [SpanRecord.Attribute], version: String) -> [UInt8] {
        var encoding = OTLPEncoding()
        encoding.bytes.reserveCapacity(512 + 768 * spans.count)
        encoding.write(#"{"resourceSpans":[{"resource":{"attributes":"#)
        encoding.write(resource)
        encoding.write(#"},"scopeSpans":[{"scope":{"name":"baton","version":"#)
        encoding.write(quoted: version)
        encoding.write(#"},"spans":["#)
        for (index, span) in spans.enumerated() {
            if index > 0 { encoding.bytes.append(UInt8(ascii: ",")) }
            encoding.write(span)
        }
        encoding.write("]}]}]}")
        return encoding.bytes
    }

    private mutating func write(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func write(quoted text: String) { JSONText.append(text, to: &bytes) }

    private mutating func write(_ span: SpanRecord) {
        bytes.append(UInt8(ascii: "{"))
        write(ids: span.context)
        if let parent = span.parentID {
            write(#","parentSpanId":""#)
            HexDigits.append(parent, to: &bytes)
            write("\"")
        }
        write(#","name":"#)
        write(quoted: span.name)
        write(#","kind":"#)
        write(number: UInt64(span.kind.rawValue))
        // 64-bit numbers are texts in the JSON of Protocol Buffers.
        write(#","startTimeUnixNano":""#)
        write(number: span.start)
        write(#"","endTimeUnixNano":""#)
        write(number: span.end)
        write("\"")
        if !span.attributes.isEmpty {
            write(#","attributes":"#)
            write(span.attributes)
        }
        if !span.links.isEmpty {
            write(#","links":["#)
            for (index, link) in span.links.enumerated() {
                write(index > 0 ? ",{" : "{")
                write(ids: link)
                write("}")
            }
            write("]")
        }
        if let failure = span.failure {
            write(#","status":{"code":2,"message":"#)
            write(quoted: failure)
            write("}")
        }
        write("}")
    }

    private mutating func write(ids context: TraceContext) {
        write(#""traceId":""#)
        context.appendTraceID(to: &bytes)
        write(#"","spanId":""#)
        HexDigits.append(context.spanID, to: &bytes)
        write(#"","flags":"#)
        write(number: UInt64(context.flags))
        if !context.state.isEmpty {
            write(#","traceState":"#)
            write(quoted: context.state)
        }
    }

    private mutating func write(_ attributes: [SpanRecord.Attribute]) {
        write("[")
        for (index, attribute) in attributes.enumerated() {
            write(index > 0 ? #",{"key":"# : #"{"key":"#)
            write(quoted: attribute.name)
            write(#","value":{"#)
            switch attribute.value {
            case .string(let text):
                write(#""stringValue":"#)
                write(quoted: text)
            case .int(let number):
                write(#""intValue":""#)
                if number < 0 { write("-") }
                write(number: UInt64(number.magnitude))
                write("\"")
            case .double(let number):
                write(#""doubleValue":"#)
                // The JSON of Protocol Buffers has words for what JSON has no numbers for.
                if number.isFinite { bytes.append(contentsOf: String(number).utf8) } else { write(nonFinite: number) }
            case .bool(let flag): write(flag ? #""boolValue":true"# : #""boolValue":false"#)
            }
            write("}}")
        }
        write("]")
    }

    private mutating func write(nonFinite number: Double) {
        write(number.isNaN ? "\"NaN\"" : number < 0 ? "\"-Infinity\"" : "\"Infinity\"")
    }

    private mutating func write(number: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (rest, start) = (number, digits.count)
            repeat {
                start -= 1
                digits.initializeElement(at: start, to: UInt8(ascii: "0") + UInt8(rest % 10))
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[start...]))
        }
    }
}
