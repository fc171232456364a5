import Testing

@testable import BatonHTTP

@Suite struct HTTPDateTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"), (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
    ])
    func formats(_ second: Int, _ text: String) {
        #expect(String(decoding: HTTPDate.format(second), as: UTF8.self) == text)
    }

    @Test(arguments: [0, 951_782_399, 951_782_400, 951_868_800, 1_709_251_199, 1_709_251_200, 4_102_444_800, 4_107_542_400, 253_402_300_799])
    func isReadAsItIsWritten(_ second: Int) {
        #expect(HTTPDate.unixSecond(String(decoding: HTTPDate.format(second), as: UTF8.self)) == second)
    }

    @Test(arguments: [
        "", "0", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT", "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
    ])
    func nothingElseIsRead(_ text: String) { #expect(HTTPDate.unixSecond(text) == nil) }

    @Test func isWrittenAgainOnlyWhenTheSecondChanges() {
        var date = HTTPDate()
        #expect(date.bytes(at: 784_111_777) == date.bytes(at: 784_111_777))
        #expect(date.bytes(at: 784_111_778) == HTTPDate.format(784_111_778))
    }
}
