import type { z } from 'zod'
import { ANYONE } from '../contract/route.ts'
import type { ApiParts } from '../handler.ts'
import { checkType, readBody } from '../read-input.ts'

/** Reads the fields of a JSON body. Refuses `media-type-unsupported`, `body-too-large`, `request-invalid`. */
export async function readFields<T extends z.ZodType>(
  request: Request,
  schema: T,
  { settings }: Pick<ApiParts, 'settings'>,
): Promise<z.output<T>> {
  checkType(request)
  const route = { summary: '', access: ANYONE, body: schema }
  return (await readBody(request, route, settings.maxBody)) as z.output<T>
}
