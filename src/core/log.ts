/** Fields of a log line; values that are no secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined | null>>

/** Where things are told to the operator. Never given a credential or a query string. */
export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}
