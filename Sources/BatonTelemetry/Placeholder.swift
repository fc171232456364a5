// BatonTelemetry
