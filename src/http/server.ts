import { toStream } from '../core/body.ts'
import type { RefusalKind } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { ReplyBody, WireHandler, WireReply, WireRequest } from '../oci/message.ts'
import type { AccessLine } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type BodyPace, BodyWatchdog } from './body-watchdog.ts'
import { EdgeCall } from './call.ts'
import { chunkReminder } from './chunk-reminder.ts'
import type { TrustedProxies } from './client-address.ts'
import { isHost } from './host.ts'
import { type Probes, probe } from './probes.ts'
import { RequestBody } from './request-body.ts'
import { requestIds } from './request-id.ts'
import { readSmall, SMALL_SPAN } from './small-reads.ts'
import { askWeb, type Web } from './web.ts'

/*
 * The runtime's edge: Bun's server on one side, plain structs on the other. Everything that is peculiar to Bun's HTTP is here.
 */

/** No whole-request time limit and no body limit of the runtime's: uploads take as long as they move (see the watchdog). */
const MAX_BODY = 2 ** 42
/** Seconds; the runtime re-arms it only when a write goes through, so anything shorter cuts slow readers. */
const IDLE_TIMEOUT = 255

export interface ServerOptions {
  readonly hostname: string
  readonly port: number
  readonly handler: WireHandler
  readonly log: Log & { access(line: AccessLine): void }
  readonly accessLog: boolean
  readonly metrics: Metrics
  readonly checks: Probes['checks']
  readonly proxies: TrustedProxies
  /** Where clients reach this server, where that was configured; only its origin counts. */
  readonly publicUrl?: string | undefined
  /** What else is served here. */
  readonly web?: Web | undefined
  readonly pace: BodyPace
}

export interface Server {
  /** `HOST:PORT` in use. */
  readonly address: string
  /** Stops listening, waits up to `drain` ms for requests under way, then cuts them. A second call cuts at once. */
  stop(drain: number): Promise<void>
}

type BunServer = ReturnType<typeof Bun.serve>

/** Starts serving. Rejects when the address cannot be had. */
export function startServer(options: ServerOptions): Server {
  const { handler, log, metrics, proxies, web, publicUrl } = options
  const edge = {
    proxies,
    origin: publicUrl === undefined ? undefined : new URL(publicUrl).origin,
    distrusted: once((peer) =>
      log.warn(
        `a request came with X-Forwarded-Proto: https from ${peer}, which is no trusted proxy, so clients are sent to http:// to log in; if that is your proxy, say --public-url https://HOST and --trusted-proxies ${peer}`,
      ),
    ),
  }
  const watchdog = new BodyWatchdog(options.pace)
  const nextId = requestIds()
  const remind = chunkReminder(() => Bun.gc(true))
  const received = (bytes: number) => {
    metrics.received(bytes)
    remind(bytes)
  }
  let draining = false
  const probes: Probes = { checks: options.checks, draining: () => draining, metrics }

  async function answer(request: Request, server: BunServer): Promise<Response> {
    const start = performance.now()
    const id = nextId()
    const { path, query } = cut(request.url)
    const wire = new BunRequest(request, path, query, watchdog, received)
    const call = new EdgeCall(request, id, server, edge)
    // Asked now: a client that leaves takes its address with it.
    const client = options.accessLog ? call.address : ''
    const { response, route, bytes, refusal, account } = await respond(request, wire, call)
    if (draining) response.headers.set('connection', 'close')
    const ms = performance.now() - start
    const { method } = wire
    const sent = method === 'HEAD' ? 0 : bytes
    metrics.request({
      route,
      method: knownMethod(method),
      status: response.status,
      seconds: ms / 1000,
      bytesOut: sent ?? 0,
    })
    if (options.accessLog) {
      log.access({
        id,
        client,
        account,
        method,
        path,
        route,
        status: response.status,
        bytes: sent,
        received: wire.received,
        ms,
        agent: wire.header('user-agent') ?? '',
        refusal,
      })
    }
    return response
  }

  /** The answer to a request, whatever happens. */
  async function respond(request: Request, wire: BunRequest, call: EdgeCall): Promise<Answer> {
    const { method, path } = wire
    const id = call.requestId
    try {
      if (!isHost(wire.header('host'))) {
        return ours(
          'other',
          problem(400, 'UNSUPPORTED', 'the request must name one host in its Host header', id),
        )
      }
      const reply = await handler(wire, call)
      const elsewhere = web !== undefined && (reply === undefined || reply.route === 'unknown')
      if (elsewhere && web.wants(path)) {
        const answered = await askWeb(web, request, wire.hasBody ? wire.body : undefined, call)
        if (answered !== undefined) {
          answered.headers.set('X-Request-Id', id)
          return ours('api', answered)
        }
      }
      if (reply !== undefined) {
        const { headers, route, refusal, account } = reply
        if (reply.broke !== undefined)
          log.error('request refused for what broke', { id, method, path, error: describe(reply.broke) })
        const length = headers['Content-Length']
        const bytes = length === undefined ? undefined : Number(length)
        return { response: toResponse(reply, method, id), route, bytes, refusal, account }
      }
      const probed = method === 'GET' || method === 'HEAD' ? await probe(path, probes) : undefined
      if (probed !== undefined) {
        probed.headers.set('X-Request-Id', id)
        if (wire.hasBody) probed.headers.set('Connection', 'close')
        return ours(path.slice(1), probed)
      }
      const sentence = 'there is nothing here; the registry is at /v2/'
      return ours('other', problem(404, 'UNSUPPORTED', sentence, id, wire.hasBody))
    } catch (error) {
      log.error('request failed', { id, method, path, error: describe(error) })
      const sentence = `something broke inside the registry; its log tells more under request id ${id}`
      return ours('other', problem(500, 'UNKNOWN', sentence, id))
    }
  }

  const { hostname, port } = options
  const server = listening(hostname, port, () =>
    Bun.serve({
      hostname,
      port,
      idleTimeout: IDLE_TIMEOUT,
      maxRequestBodySize: MAX_BODY,
      // Two servers on one port would share its clients between them.
      reusePort: false,
      development: false,
      fetch: answer,
      error(error) {
        log.error('request failed outside its handler', { error: describe(error) })
        return problem(500, 'UNKNOWN', 'something broke inside the registry', '-')
      },
    }),
  )

  return {
    address: `${server.hostname?.includes(':') ? `[${server.hostname}]` : server.hostname}:${server.port}`,
    async stop(drain) {
      if (draining) {
        await server.stop(true)
        return
      }
      draining = true
      const drained = server.stop(false)
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), drain)
      })
      if ((await Promise.race([drained, late])) === 'late') await server.stop(true)
      clearTimeout(timer)
      watchdog.close()
    },
  }
}

class BunRequest implements WireRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly #request: Request
  readonly #watchdog: BodyWatchdog
  readonly #count: (bytes: number) => void
  #body: RequestBody | undefined

  constructor(
    request: Request,
    path: string,
    query: string,
    watchdog: BodyWatchdog,
    received: (bytes: number) => void,
  ) {
    this.method = request.method
    this.path = path
    this.query = query
    this.#request = request
    this.#watchdog = watchdog
    this.#count = received
  }

  header(name: string): string | null {
    return this.#request.headers.get(name)
  }

  get #length(): number | undefined {
    const length = this.#request.headers.get('content-length')
    return length === null ? undefined : Number(length)
  }

  get body(): RequestBody {
    this.#body ??= new RequestBody(this.#request.body, this.#length, this.#watchdog, this.#count)
    return this.#body
  }

  /** Bytes of the body that have arrived. */
  get received(): number {
    return this.#body?.received ?? 0
  }

  get hasBody(): boolean {
    const length = this.#length
    return length === undefined ? this.#request.headers.get('transfer-encoding') !== null : length > 0
  }
}

/** Throws with a sentence where the address cannot be had. */
function listening(hostname: string, port: number, serve: () => BunServer): BunServer {
  try {
    return serve()
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown }
    const why =
      code === 'EADDRINUSE'
        ? 'the port is in use by another program'
        : code === 'EACCES'
          ? 'this user may not have that port'
          : code === 'EADDRNOTAVAIL'
            ? 'this machine has no such address'
            : message
    throw new Error(
      `cannot listen on ${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}: ${why}; name another with --listen HOST:PORT`,
      { cause: error },
    )
  }
}

/** Does something the first time only. */
function once(act: (peer: string) => void): (peer: string) => void {
  let done = false
  return (peer) => {
    if (done) return
    done = true
    act(peer)
  }
}

/** Path and query as they came; the runtime gives a bare path when the Host was malformed. */
function cut(url: string): { path: string; query: string } {
  const scheme = url.indexOf('://')
  const from = scheme < 0 || scheme > 5 ? 0 : url.indexOf('/', scheme + 3)
  const question = url.indexOf('?', from)
  if (question < 0) return { path: url.slice(from), query: '' }
  return { path: url.slice(from, question), query: url.slice(question + 1) }
}

function toResponse(reply: WireReply, method: string, id: string): Response {
  const headers = reply.headers
  headers['X-Request-Id'] = id
  if (reply.close) headers.Connection = 'close'
  return new Response(method === 'HEAD' ? null : toBody(reply.body), { status: reply.status, headers })
}

function toBody(body: ReplyBody): ConstructorParameters<typeof Response>[0] {
  if (body === null || typeof body === 'string') return body
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>
  if (body.kind === 'stream') return toStream(body.stream)
  const { start, end } = body.span
  if (start === end) return null
  if (end - start <= SMALL_SPAN) return readSmall(body.path, start, end) as Uint8Array<ArrayBuffer>
  return Bun.file(body.path).slice(start, end)
}

/** `close`: the runtime would swallow a body that nobody reads for as long as it comes (RS-7). */
function problem(status: number, code: string, message: string, id: string, close = true): Response {
  return new Response(`${JSON.stringify({ errors: [{ code, message }] })}\n`, {
    status,
    headers: {
      'Content-Type': 'application/json',
      'X-Request-Id': id,
      ...(close && { Connection: 'close' }),
    },
  })
}

/** What an answer is, for those who count it. */
interface Answer {
  readonly response: Response
  readonly route: string
  /** Of the body, where known. */
  readonly bytes: number | undefined
  readonly refusal: RefusalKind | undefined
  /** Who asked. */
  readonly account: string | undefined
}

/** An answer that is not the protocol's. */
function ours(route: string, response: Response): Answer {
  const length = response.headers.get('content-length')
  const bytes = length === null ? undefined : Number(length)
  return { response, route, bytes, refusal: undefined, account: undefined }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** A client's invention must not become a label. */
function knownMethod(method: string): string {
  return METHODS.has(method) ? method : 'other'
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
