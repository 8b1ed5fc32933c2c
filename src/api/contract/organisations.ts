import { z } from 'zod'
import { Name, PageQuery, pageOf, Text, Time, Version } from './common.ts'
import { Link, MadeLink } from './people.ts'
import { MEMBER, OWNER, route, SIGNED_IN, USER } from './route.ts'

export const Role = z.enum(['owner', 'member'])

export const Organisation = z.strictObject({
  name: Name,
  displayName: Text,
  description: Text,
  createdAt: Time,
  version: Version,
})
export const Member = z.strictObject({ user: Name, role: Role })
export const Team = z.strictObject({ name: Name, description: Text, createdAt: Time, version: Version })

const Filter = PageQuery.extend({ filter: z.string().max(64).optional() })

export const ORGANISATIONS = {
  'GET /organisations': route({
    summary: 'Organisations: all of them for site administrators, else those one belongs to',
    access: SIGNED_IN,
    query: Filter,
    result: pageOf(Organisation),
  }),
  'POST /organisations': route({
    summary: 'Make an organisation; who makes it is its first owner',
    access: USER,
    body: z.strictObject({
      name: z.string().max(255),
      displayName: Text.optional(),
      description: Text.optional(),
      owner: Name.optional().meta({ description: 'By site administrators: another first owner' }),
    }),
    result: Organisation,
    status: 201,
  }),
  'GET /organisations/{organisation}': route({
    summary: 'An organisation',
    access: MEMBER,
    result: Organisation,
  }),
  'PATCH /organisations/{organisation}': route({
    summary: 'Change an organisation',
    access: OWNER,
    versioned: true,
    body: z.strictObject({ displayName: Text.optional(), description: Text.optional() }),
    result: Organisation,
  }),
  'DELETE /organisations/{organisation}': route({
    summary: 'Delete an organisation that owns no repositories',
    access: OWNER,
  }),

  'GET /organisations/{organisation}/members': route({
    summary: 'Members',
    access: MEMBER,
    query: PageQuery,
    result: pageOf(Member),
  }),
  'PUT /organisations/{organisation}/members/{user}': route({
    summary: 'Make a user a member, or change its role',
    access: OWNER,
    body: z.strictObject({ role: Role }),
    result: Member,
  }),
  'DELETE /organisations/{organisation}/members/{user}': route({
    summary: 'Remove a member, also from its teams',
    access: OWNER,
    query: z.strictObject({
      grants: z.enum(['keep', 'remove']).default('keep').optional().meta({
        description: 'remove: also what the namespaces of the organisation grant to the user itself',
      }),
    }),
  }),
  'GET /organisations/{organisation}/invitations': route({
    summary: 'Open invitations to the organisation',
    access: OWNER,
    result: pageOf(Link),
  }),
  'POST /organisations/{organisation}/invitations': route({
    summary: 'A one-time link that makes an account and a member',
    access: OWNER,
    lasting: true,
    body: z.strictObject({ role: Role.optional(), days: z.int().min(1).max(90).optional() }).optional(),
    result: MadeLink,
    status: 201,
  }),
  'DELETE /organisations/{organisation}/invitations/{id}': route({
    summary: 'Withdraw an invitation',
    access: OWNER,
  }),

  'GET /organisations/{organisation}/teams': route({
    summary: 'Teams',
    access: MEMBER,
    result: pageOf(Team),
  }),
  'POST /organisations/{organisation}/teams': route({
    summary: 'Make a team',
    access: OWNER,
    body: z.strictObject({ name: z.string().max(255), description: Text.optional() }),
    result: Team,
    status: 201,
  }),
  'GET /organisations/{organisation}/teams/{team}': route({
    summary: 'A team with its members',
    access: MEMBER,
    result: Team.extend({ members: z.array(Name) }),
  }),
  'PATCH /organisations/{organisation}/teams/{team}': route({
    summary: 'Change a team',
    access: OWNER,
    versioned: true,
    body: z.strictObject({ description: Text }),
    result: Team,
  }),
  'DELETE /organisations/{organisation}/teams/{team}': route({
    summary: 'Delete a team and the grants to it',
    access: OWNER,
  }),
  'PUT /organisations/{organisation}/teams/{team}/members/{user}': route({
    summary: 'Put a member of the organisation into the team',
    access: OWNER,
  }),
  'DELETE /organisations/{organisation}/teams/{team}/members/{user}': route({
    summary: 'Take a member out of the team',
    access: OWNER,
  }),
} as const
