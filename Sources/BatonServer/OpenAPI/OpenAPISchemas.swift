/// The schemas of bodies, as JSON Schema 2020-12 (which OpenAPI 3.1 uses).
enum OpenAPISchemas {
    static let json = """
        {
        "Value":{"description":"Any JSON value; kept byte for byte."},
        "State":{"type":"object","description":"State keys and their values; app: and user: prefixes name the scope.","additionalProperties":true},
        "StateChanges":{"type":"array","maxItems":1024,"description":"Changes in their order.","items":{"type":"object","additionalProperties":false,
          "properties":{"key":{"type":"string","minLength":1},"set":{"$ref":"#/components/schemas/Value"},
          "merge":{"description":"A merge patch (RFC 7396) of the value."},"remove":{"const":true}},"required":["key"],
          "oneOf":[{"required":["set"]},{"required":["merge"]},{"required":["remove"]}]}},
        "Deletion":{"type":"object","properties":{"deleted":{"const":true}},"required":["deleted"]},
        "Health":{"type":"object","properties":{"status":{"type":"string"}},"required":["status"]},
        "Offset":{"type":"string","pattern":"^[0-9]{16}_[0-9]{16}$","description":"Server milliseconds and seq; sorts as text."},
        "Status":{"type":"string","enum":["active","paused","completed"]},
        "Participants":{"type":"array","items":{"oneOf":[{"type":"string"},{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}]}},
        "NewSession":{"type":"object","additionalProperties":false,"properties":{
          "id":{"type":"string","minLength":1},"title":{"type":["string","null"]},"tags":{"type":"array","items":{"type":"string"},"maxItems":64},
          "metadata":{"type":"object"},"state":{"$ref":"#/components/schemas/State"},
          "ttl":{"type":["integer","null"],"minimum":1,"description":"Seconds to live after each write; null for ever; absent as the store is configured."},
          "participants":{"$ref":"#/components/schemas/Participants"}}},
        "SessionPatch":{"type":"object","additionalProperties":false,"properties":{
          "title":{"type":["string","null"]},"tags":{"type":["array","null"],"items":{"type":"string"},"maxItems":64},
          "metadata":{"type":["object","null"],"description":"A merge patch (RFC 7396)."},"status":{"$ref":"#/components/schemas/Status"},
          "ttl":{"type":["integer","null"],"minimum":1},"activeAgent":{"type":["string","null"]},
          "participants":{"$ref":"#/components/schemas/Participants"}}},
        "Session":{"type":"object","properties":{
          "app":{"type":"string"},"user":{"type":"string"},"id":{"type":"string"},"title":{"type":["string","null"]},
          "status":{"$ref":"#/components/schemas/Status"},"version":{"type":"integer"},"createdAt":{"type":"string","format":"date-time"},
          "updatedAt":{"type":"string","format":"date-time"},"expiresAt":{"type":["string","null"],"format":"date-time"},
          "ttl":{"type":["integer","null"]},"eventCount":{"type":"integer"},"lastSeq":{"type":"integer"},
          "tail":{"$ref":"#/components/schemas/Offset"},"earliest":{"$ref":"#/components/schemas/Offset"},"generation":{"type":"string"},
          "tags":{"type":"array","items":{"type":"string"}},"metadata":{"type":"object"},
          "participants":{"$ref":"#/components/schemas/Participants"},"activeAgent":{"type":["string","null"]},
          "state":{"$ref":"#/components/schemas/State"},"events":{"type":"array","items":{"$ref":"#/components/schemas/Event"}}},
          "required":["app","user","id","title","status","version","createdAt","updatedAt","expiresAt","ttl","eventCount","lastSeq","tail","earliest",
          "generation","tags","metadata","participants","activeAgent","state"]},
        "SessionPage":{"type":"object","properties":{"sessions":{"type":"array","items":{"$ref":"#/components/schemas/Session"}},
          "next":{"type":["string","null"],"description":"Pass it as cursor; null at the end."}},"required":["sessions","next"]},
        "NewEvent":{"type":"object","additionalProperties":false,"properties":{
          "id":{"type":["string","null"],"description":"The author's own id, 1 to 128 bytes; a second append with it stores nothing."},
          "author":{"type":["string","null"]},"role":{"type":["string","null"]},"type":{"type":["string","null"]},"branch":{"type":["string","null"]},
          "invocation":{"type":["string","null"]},"partial":{"type":["boolean","null"]},"content":{"$ref":"#/components/schemas/Value"},
          "stateDelta":{"oneOf":[{"$ref":"#/components/schemas/State"},{"type":"null"}]},"usage":{"type":["object","null"]},
          "metadata":{"type":["object","null"]}},"required":["content"]},
        "NewEvents":{"oneOf":[{"$ref":"#/components/schemas/NewEvent"},
          {"type":"array","items":{"$ref":"#/components/schemas/NewEvent"},"minItems":1,"maxItems":1000}]},
        "EventPatch":{"type":"object","additionalProperties":false,"properties":{"content":{"$ref":"#/components/schemas/Value"},
          "usage":{"type":["object","null"]},"metadata":{"type":["object","null"]}},"required":["content"]},
        "Event":{"type":"object","description":"Fields that the author left out are left out.","properties":{
          "id":{"type":"string"},"seq":{"type":"integer","minimum":1},"offset":{"$ref":"#/components/schemas/Offset"},
          "time":{"type":"string","format":"date-time"},"editedAt":{"type":"string","format":"date-time"},"author":{"type":"string"},
          "role":{"type":"string"},"type":{"type":"string"},"branch":{"type":"string"},"invocation":{"type":"string"},
          "partial":{"type":"boolean"},"content":{"$ref":"#/components/schemas/Value"},"stateDelta":{"$ref":"#/components/schemas/State"},
          "usage":{"type":"object"},"metadata":{"type":"object"}},"required":["id","seq","offset","time","content"]},
        "EventPage":{"type":"object","properties":{"events":{"type":"array","items":{"$ref":"#/components/schemas/Event"}},
          "next":{"oneOf":[{"$ref":"#/components/schemas/Offset"},{"type":"null"}]},"tail":{"$ref":"#/components/schemas/Offset"},
          "upToDate":{"type":"boolean"},"generation":{"type":"string"}},"required":["events","next","tail","upToDate","generation"]},
        "EventWindow":{"type":"object","properties":{"anchor":{"type":"string"},
          "events":{"type":"array","items":{"$ref":"#/components/schemas/Event"}}},"required":["anchor","events"]},
        "AppendReceipt":{"type":"object","properties":{"events":{"type":"array","items":{"type":"object","properties":{
          "id":{"type":"string"},"seq":{"type":"integer"},"offset":{"$ref":"#/components/schemas/Offset"},
          "time":{"type":"string","format":"date-time"},"duplicate":{"type":"boolean"}},"required":["id","seq","offset","time","duplicate"]}},
          "version":{"type":"integer"},"tail":{"$ref":"#/components/schemas/Offset"}},"required":["events","version","tail"]},
        "Problem":{"type":"object","properties":{"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},
          "detail":{"type":"string"},"code":{"type":"string"},"current":{"type":"integer"},"retryAfter":{"type":"integer"},
          "earliest":{"$ref":"#/components/schemas/Offset"},"tail":{"$ref":"#/components/schemas/Offset"},"generation":{"type":"string"}},
          "required":["type","title","status","detail","code"]}
        }
        """
}
