import type { Metrics } from './metrics.ts'

/**
 * The same back end, each asynchronous operation timed, and what fails told. Answers that are no promise pass untimed: they cost less
 * than the clock.
 */
export function timed<T extends object>(
  part: 'store' | 'database',
  inner: T,
  metrics: Metrics,
  onFailure: (operation: string, error: unknown) => void,
): T {
  const outer: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(inner))
    outer[name] = typeof member === 'function' ? time(name, member.bind(inner)) : member

  function time(operation: string, call: (...args: unknown[]) => unknown) {
    return (...args: unknown[]) => {
      const start = performance.now()
      const failed = (error: unknown): never => {
        metrics.backend(part, operation, (performance.now() - start) / 1000, true)
        onFailure(operation, error)
        throw error
      }
      let result: unknown
      try {
        result = call(...args)
      } catch (error) {
        return failed(error)
      }
      if (!(result instanceof Promise)) return result
      return result.then((value) => {
        metrics.backend(part, operation, (performance.now() - start) / 1000, false)
        return value
      }, failed)
    }
  }
  return outer as T
}
