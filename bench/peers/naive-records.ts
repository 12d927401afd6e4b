import { defineEntity, MikroORM, p } from '@mikro-orm/postgresql'

/** The least that a messaging CRM keeps, as it would be written with an ORM. */

const contactSchema = defineEntity({
  name: 'Contact',
  tableName: 'contacts',
  properties: { id: p.integer().primary(), tenant: p.text(), phone: p.text(), name: p.text().nullable() },
})
export class Contact extends contactSchema.class {}
contactSchema.setClass(Contact)

const conversationSchema = defineEntity({
  name: 'Conversation',
  tableName: 'conversations',
  properties: {
    id: p.integer().primary(),
    tenant: p.text(),
    contact: () => p.manyToOne(Contact),
    status: p.text(),
    unread: p.integer(),
    lastMessageAt: p.datetime().nullable(),
  },
})
export class Conversation extends conversationSchema.class {}
conversationSchema.setClass(Conversation)

const messageSchema = defineEntity({
  name: 'Message',
  tableName: 'messages',
  properties: {
    id: p.integer().primary(),
    tenant: p.text(),
    conversation: () => p.manyToOne(Conversation),
    providerId: p.text().unique(),
    type: p.text(),
    text: p.text().nullable(),
    sentAt: p.datetime(),
    createdAt: p.datetime(),
  },
})
export class Message extends messageSchema.class {}
messageSchema.setClass(Message)

const tables = `
create schema if not exists naive;
create table if not exists naive.contacts (
  id serial primary key, tenant text not null, phone text not null, name text, unique (tenant, phone));
create table if not exists naive.conversations (
  id serial primary key, tenant text not null, contact_id integer not null references naive.contacts,
  status text not null, unread integer not null, last_message_at timestamptz);
create index if not exists conversations_by_contact on naive.conversations (tenant, contact_id);
create table if not exists naive.messages (
  id serial primary key, tenant text not null, conversation_id integer not null references naive.conversations,
  provider_id text not null unique, type text not null, text text, sent_at timestamptz not null,
  created_at timestamptz not null)`

export async function openRecords(databaseUrl: string): Promise<MikroORM> {
  const orm = await MikroORM.init({
    clientUrl: databaseUrl,
    schema: 'naive',
    entities: [Contact, Conversation, Message],
    ensureDatabase: false,
    pool: { max: 10 },
  })
  await orm.em.getConnection().execute(tables)
  return orm
}
