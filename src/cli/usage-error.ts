/** A command was said wrongly: what, and how it is said rightly. Ends the program with 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
