/**
 * Who may hear an event, as it is written down with it. What the scope means for a person is decided by
 * src/auth/audience.ts with the policy of the moment it is emitted or replayed, never by the moment it was written.
 */
export type Scope =
  /** Everybody; of the keys with scopes those that have the action, `record.read` when none is said. */
  | { readonly kind: 'tenant'; readonly action?: 'user.read' | 'channel.read' | undefined }
  | { readonly kind: 'managers' }
  | { readonly kind: 'admins' }
  | { readonly kind: 'user'; readonly userId: string }
  /** Everybody who may see the conversation now. */
  | { readonly kind: 'conversation'; readonly conversationId: string }
  /** Everybody who could see it at that time and may not now. */
  | { readonly kind: 'lost-sight'; readonly conversationId: string; readonly before: ConversationPlace }
  /** Everybody who may see the contact now. */
  | { readonly kind: 'contact'; readonly contactId: number }
  /** Everybody who may not. */
  | { readonly kind: 'lost-contact'; readonly contactId: number }
  /** Everybody who may read a record of this owner; when it is nobody's, one that is about this. */
  | ({ readonly kind: 'owned'; readonly action: OwnedAction; readonly ownerId: string | null } & Subject)
  /** Everybody who could read it under its former owner (nobody's: about `was`) and may not under the new one. */
  | ({
      readonly kind: 'lost-owned'
      readonly action: OwnedAction
      readonly before: string | null
      readonly was?: About | undefined
      readonly after: string | null
    } & Subject)

/** Events about users and teams: who comes in with which address is for keys that may ask for it. */
export const readersOfUsers = { kind: 'tenant', action: 'user.read' } as const satisfies Scope
/** Events about numbers and their templates. */
export const readersOfChannels = { kind: 'tenant', action: 'channel.read' } as const satisfies Scope

/** What a record that is nobody's is about; whatever is left out has no say. */
export interface Subject {
  /** A contact, whose numbers are looked up when the event is told. */
  readonly contactId?: number | undefined
  /** The numbers of its conversations, which never change theirs. */
  readonly channelIds?: readonly string[] | undefined
}

/** Rights that hang on whose a record is. */
export type OwnedAction = 'deal.read' | 'activity.read' | 'import.read'

/** What decides who sees a record that can have an owner; null is nobody's, and then what it is about decides. */
export interface OwnedPlace {
  readonly ownerId: string | null
  readonly about?: About | undefined
}

/** Where that is what a record is about: its contact, when it has one, and the numbers of its conversations. */
export interface About {
  readonly contact: ContactPlace | null
  readonly channelIds: readonly string[]
}

/** What decides who sees a contact: the numbers on which it has conversations; none is nobody's in particular. */
export interface ContactPlace {
  readonly channelIds: readonly string[]
}

/** What decides who sees a conversation. */
export interface ConversationPlace {
  readonly channelId: string
  readonly assigneeId: string | null
  readonly teamId: string | null
}

export function contactOf(scope: Scope): number | null {
  return 'contactId' in scope ? (scope.contactId ?? null) : null
}

export function conversationOf(scope: Scope): string | null {
  return scope.kind === 'conversation' || scope.kind === 'lost-sight' ? scope.conversationId : null
}
