import type { Metrics } from '../telemetry/metrics.ts'

export interface Probes {
  /** Each back end by name; a rejected check is its reason. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>
  readonly draining: () => boolean
  readonly metrics: Metrics
}

/** `/livez`: the process answers. `/readyz`: it can do its work. `/metrics`: how it does. Undefined for other paths. */
export async function probe(path: string, probes: Probes): Promise<Response | undefined> {
  if (path === '/livez') return text(200, 'ok\n')
  if (path === '/readyz') return readiness(probes)
  if (path === '/metrics') {
    const page = await probes.metrics.page()
    return new Response(page.text, { headers: { 'content-type': page.contentType } })
  }
  return undefined
}

async function readiness({ checks, draining }: Probes): Promise<Response> {
  const parts: Record<string, string> = {}
  let ready = true
  await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await check()
        parts[name] = 'ok'
      } catch (error) {
        ready = false
        parts[name] = (error as Error).message
      }
    }),
  )
  if (draining()) {
    ready = false
    parts.server = 'stopping'
  }
  return new Response(`${JSON.stringify({ ready, ...parts })}\n`, {
    status: ready ? 200 : 503,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(!ready && { 'retry-after': '5' }),
    },
  })
}

function text(status: number, body: string): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' },
  })
}
