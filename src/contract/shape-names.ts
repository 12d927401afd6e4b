import type { z } from 'zod'
import { channelView, templateView } from './channel.ts'
import { conversationPatch, conversationView, identityView, noteView, windowView } from './conversation.ts'
import { channelMembers, keyDetail, keyView, teamView, tenantLimits, tenantSettings } from './access.ts'
import { activityView } from './crm/activity.ts'
import { customFieldView } from './crm/custom-field.ts'
import { customerView } from './crm/customer.ts'
import { dealView, stageChangeView, stageTotal } from './crm/deal.ts'
import { importView } from './crm/import.ts'
import { pipelineStageView, pipelineView } from './crm/pipeline.ts'
import { savedViewView } from './crm/saved-view.ts'
import { tagView } from './crm/tag.ts'
import { errorBody } from './error-body.ts'
import { actorView } from './events/define.ts'
import { wireEvents } from './events/wire-event.ts'
import { mediaView, messageErrorView, messageView } from './message.ts'
import { contactView, tenantView, userView } from './records.ts'
import { auditEntry } from './rest/audit.ts'
import { contactMergeView, duplicatesView, timelineItem } from './rest/contacts.ts'
import { callerView, tenantFacts } from './rest/identity.ts'
import { problem } from './rest/problem.ts'
import { overview } from './rest/reports.ts'
import { templateDetail } from './rest/templates.ts'

/** Shapes that the documents give a name, so that those who generate code from them get one type for each. */
export const shapeNames: Readonly<Record<string, z.ZodType>> = {
  Activity: activityView,
  Actor: actorView,
  ApiKey: keyView,
  ApiKeyDetail: keyDetail,
  AuditEntry: auditEntry,
  Caller: callerView,
  Channel: channelView,
  ChannelMembers: channelMembers,
  Contact: contactView,
  ContactMerge: contactMergeView,
  Conversation: conversationView,
  ConversationPatch: conversationPatch,
  CustomField: customFieldView,
  Customer: customerView,
  Deal: dealView,
  Duplicates: duplicatesView,
  Error: errorBody,
  Identity: identityView,
  Import: importView,
  Media: mediaView,
  Message: messageView,
  MessageError: messageErrorView,
  Note: noteView,
  Overview: overview,
  Pipeline: pipelineView,
  PipelineStage: pipelineStageView,
  Problem: problem,
  SavedView: savedViewView,
  StageChange: stageChangeView,
  StageTotal: stageTotal,
  Tag: tagView,
  Team: teamView,
  Template: templateView,
  TemplateDetail: templateDetail,
  Tenant: tenantView,
  TenantFacts: tenantFacts,
  TenantLimits: tenantLimits,
  TenantSettings: tenantSettings,
  TimelineItem: timelineItem,
  User: userView,
  Window: windowView,
  ...Object.fromEntries(wireEvents.map((event) => [eventName(event.shape.type.value), event])),
}

/** `DealMovedEvent` of `deal.moved`. */
function eventName(type: string): string {
  const words = type.split(/[._]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return `${words.join('')}Event`
}
