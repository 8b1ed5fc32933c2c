import { type RefusalDetail, type RefusalKind, RegistryError } from '../../core/errors.ts'

/** An error as it crosses from the worker: refusals arrive as such, others keep their code. */
export interface WireError {
  readonly message: string
  readonly kind?: RefusalKind
  readonly detail?: RefusalDetail
  readonly code?: string
  readonly stack?: string
  /** What was behind it, in words. */
  readonly cause?: string
}

export function toWire(error: unknown): WireError {
  if (error instanceof RegistryError) {
    const { message, kind, detail, cause } = error
    return { message, kind, detail, ...(cause instanceof Error && { cause: cause.message }) }
  }
  if (!(error instanceof Error)) return { message: String(error) }
  const code = (error as { code?: unknown }).code
  return {
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
  }
}

export function fromWire(wire: WireError): Error {
  if (wire.kind !== undefined) {
    const options = wire.cause === undefined ? undefined : { cause: new Error(wire.cause) }
    return new RegistryError(wire.kind, wire.message, wire.detail, options)
  }
  const error = new Error(wire.message)
  if (wire.stack !== undefined) error.stack = wire.stack
  return wire.code === undefined ? error : Object.assign(error, { code: wire.code })
}

/** One call in a message to the worker. */
export interface Call {
  readonly id: number
  readonly name: string
  readonly args: unknown
}

export type ToWorker =
  | {
      readonly type: 'open'
      readonly path: string
      readonly durable: boolean
      readonly mark: SharedArrayBuffer
    }
  | { readonly type: 'calls'; readonly calls: readonly Call[] }
  | { readonly type: 'close' }

export type FromWorker =
  | { readonly type: 'opened' }
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'answers'; readonly answers: readonly Answer[] }
  | { readonly type: 'closed' }

export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: WireError
}
