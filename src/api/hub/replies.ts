import type { Problem } from '../contract/contract.ts'
import { refusalResponse } from '../problem.ts'

/** An answer as Docker Hub gives it. */
export function hubJson(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } })
}

/** A refusal as Docker Hub tells it: some tools read `message`, some `detail`, and some take nothing but texts. */
export async function hubRefusal(
  error: Parameters<typeof refusalResponse>[0],
  requestId: string,
): Promise<Response> {
  const response = refusalResponse(error, requestId)
  const { detail } = (await response.json()) as Problem
  const headers = new Headers(response.headers)
  headers.set('Content-Type', 'application/json')
  return new Response(JSON.stringify({ message: detail, detail }), { status: response.status, headers })
}
