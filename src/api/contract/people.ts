import { z } from 'zod'
import { Email, ExpiresAt, Name, Networks, PageQuery, pageOf, Scopes, Text, Time, Version } from './common.ts'
import { ADMINISTRATOR, ANYONE, route, SELF, SIGNED_IN, USER } from './route.ts'

const Password = z.string().min(1).max(1024)

export const User = z.strictObject({
  name: Name,
  displayName: Text,
  administrator: z
    .boolean()
    .optional()
    .meta({ description: 'Shown to site administrators, and to users of themselves' }),
  createdAt: Time,
  version: Version,
})
/** What the user itself and administrators see of it. */
export const FullUser = User.extend({
  administrator: z.boolean(),
  email: Text,
  description: Text,
  disabled: z.boolean(),
})

export const LastUse = z.strictObject({ at: Time, address: z.string(), agent: z.string() }).nullable()

export const Token = z.strictObject({
  id: z.int(),
  name: Name,
  scopes: Scopes,
  networks: Networks,
  createdAt: Time,
  expiresAt: ExpiresAt,
  lastUsed: LastUse,
})
export const NewToken = z.strictObject({
  name: Name.max(100),
  scopes: Scopes,
  networks: Networks.optional(),
  expiresAt: Time.optional(),
})
export const MadeToken = Token.extend({ secret: z.string().meta({ description: 'Shown this once' }) })

export const Session = z.strictObject({
  id: z.int(),
  current: z.boolean(),
  createdAt: Time,
  expiresAt: ExpiresAt,
  lastUsed: LastUse,
})

export const Key = z.strictObject({
  id: z.int(),
  name: Name,
  keyId: z.string(),
  createdAt: Time,
  expiresAt: ExpiresAt,
  lastUsed: LastUse,
})
export const NewKey = z.strictObject({
  name: Name.max(100),
  publicKey: z.string().max(4096).optional().meta({
    description: 'Ed25519, SPKI PEM; without it the server makes a pair and shows the private half once',
  }),
  expiresAt: Time.optional(),
})
export const MadeKey = Key.extend({
  file: z
    .string()
    .optional()
    .meta({ description: 'The key file, shown this once; absent where the public half was given' }),
})

export const Link = z.strictObject({
  id: z.int(),
  purpose: z.enum(['administrator', 'invitation', 'password-reset']),
  organisation: Name.optional(),
  role: z.enum(['owner', 'member']).optional(),
  user: Name.optional(),
  createdBy: z.string(),
  createdAt: Time,
  expiresAt: Time,
})
export const MadeLink = Link.extend({ url: z.string().meta({ description: 'To hand on; works once' }) })

/** Who is asking. */
export const Me = z.strictObject({
  kind: z.enum(['anonymous', 'user', 'robot', 'operator']),
  name: z.string().optional(),
  administrator: z.boolean(),
  organisations: z.array(z.strictObject({ organisation: Name, role: z.enum(['owner', 'member']) })),
  scopes: Scopes.optional().meta({
    description: 'What the token that came is limited to; absent: to nothing',
  }),
  signUp: z.enum(['open', 'invite', 'closed']),
})

const UserFilter = PageQuery.extend({ filter: z.string().max(64).optional() })

export const PEOPLE = {
  'GET /session': route({ summary: 'Who is signed in', access: ANYONE, result: Me }),
  'POST /session': route({
    summary: 'Sign in with a password; sets the session cookie',
    access: ANYONE,
    body: z.strictObject({ username: z.string().max(255), password: Password }),
    result: Me,
  }),
  'DELETE /session': route({ summary: 'Sign out', access: ANYONE }),
  'POST /signup': route({
    summary: 'Make an account of one’s own, where sign-up is open or with the token of a link',
    access: ANYONE,
    body: z.strictObject({
      username: z.string().max(255),
      password: Password,
      displayName: Text.optional(),
      email: Email.optional(),
      link: z.string().max(255).optional(),
    }),
    result: FullUser,
    status: 201,
  }),
  'POST /links/inspect': route({
    summary: 'What a one-time link is for',
    access: ANYONE,
    body: z.strictObject({ link: z.string().max(255) }),
    result: Link.omit({ createdBy: true }),
  }),
  'POST /password-resets': route({
    summary: 'Set a new password with the token of a link',
    access: ANYONE,
    body: z.strictObject({ link: z.string().max(255), password: Password }),
  }),

  'GET /users': route({ summary: 'List users', access: USER, query: UserFilter, result: pageOf(User) }),
  'POST /users': route({
    summary: 'Make a user; without a password it signs in first by a reset link',
    access: ADMINISTRATOR,
    body: z.strictObject({
      name: z.string().max(255),
      password: Password.optional(),
      displayName: Text.optional(),
      email: Email.optional(),
      administrator: z.boolean().optional(),
    }),
    result: FullUser,
    status: 201,
  }),
  'GET /users/{user}': route({ summary: 'A user', access: SIGNED_IN, result: z.union([FullUser, User]) }),
  'PATCH /users/{user}': route({
    summary: 'Change a user; `administrator` and `disabled` by administrators only',
    access: SELF,
    versioned: true,
    body: z.strictObject({
      displayName: Text.optional(),
      description: Text.optional(),
      email: Email.optional(),
      administrator: z.boolean().optional(),
      disabled: z.boolean().optional(),
    }),
    result: FullUser,
  }),
  'DELETE /users/{user}': route({ summary: 'Delete a user that owns no repositories', access: SELF }),
  'PUT /users/{user}/password': route({
    summary: 'Set a password; a user gives the present one, too. Ends the other sessions',
    access: SELF,
    lasting: true,
    body: z.strictObject({ password: Password, current: Password.optional() }),
  }),
  'POST /users/{user}/password-reset': route({
    summary: 'A one-time link to set a new password',
    access: ADMINISTRATOR,
    lasting: true,
    result: MadeLink,
    status: 201,
  }),

  'GET /users/{user}/tokens': route({
    summary: 'Personal access tokens',
    access: SELF,
    result: pageOf(Token),
  }),
  'POST /users/{user}/tokens': route({
    summary: 'Make a personal access token',
    access: SELF,
    lasting: true,
    body: NewToken,
    result: MadeToken,
    status: 201,
  }),
  'DELETE /users/{user}/tokens/{id}': route({ summary: 'Revoke a token', access: SELF }),
  'GET /users/{user}/sessions': route({ summary: 'Browser sessions', access: SELF, result: pageOf(Session) }),
  'DELETE /users/{user}/sessions/{id}': route({ summary: 'End a session', access: SELF }),
  'GET /users/{user}/keys': route({ summary: 'Keys of a user', access: SELF, result: pageOf(Key) }),
  'POST /users/{user}/keys': route({
    summary: 'Make a key, or register its public half',
    access: SELF,
    lasting: true,
    body: NewKey,
    result: MadeKey,
    status: 201,
  }),
  'DELETE /users/{user}/keys/{id}': route({ summary: 'Revoke a key', access: SELF }),

  'GET /invitations': route({
    summary: 'Open invitations to the site',
    access: ADMINISTRATOR,
    result: pageOf(Link),
  }),
  'POST /invitations': route({
    summary: 'A one-time link that makes an account',
    access: ADMINISTRATOR,
    lasting: true,
    body: z.strictObject({ days: z.int().min(1).max(90).optional() }).optional(),
    result: MadeLink,
    status: 201,
  }),
  'DELETE /invitations/{id}': route({ summary: 'Withdraw an invitation', access: ADMINISTRATOR }),
} as const
