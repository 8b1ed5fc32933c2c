import { z } from 'zod'
import { type Call, contextOf } from '../../core/context.ts'
import type { ApiParts } from '../handler.ts'
import { readFields } from './read-fields.ts'
import { hubJson } from './replies.ts'

const Password = z.string().min(1).max(16_384)
const Login = z.object({ username: z.string().min(1).max(255), password: Password })
const TokenRequest = z.object({ identifier: z.string().min(1).max(255), secret: Password })

/** `POST /v2/users/login`: a token for whatever `docker login` takes – a password, a token, a robot's secret, a key file. */
export async function postLogin(request: Request, call: Call, parts: ApiParts): Promise<Response> {
  const { username, password } = await readFields(request, Login, parts)
  return hubJson({ token: await loginToken(call, username, password, parts) })
}

/** `POST /v2/auth/token`: the same by its newer names. */
export async function postToken(request: Request, call: Call, parts: ApiParts): Promise<Response> {
  const { identifier, secret } = await readFields(request, TokenRequest, parts)
  return hubJson({ access_token: await loginToken(call, identifier, secret, parts) })
}

async function loginToken(
  call: Call,
  name: string,
  secret: string,
  { authenticator, tokens }: Pick<ApiParts, 'authenticator' | 'tokens'>,
): Promise<string> {
  const ctx = contextOf(call, await authenticator.password(call, name, secret))
  const { token } = await tokens.login(ctx)
  await authenticator.signedIn(ctx, 'token')
  return token
}
