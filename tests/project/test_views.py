"""The types of answers and their documented schemas say the same."""

import importlib
import pkgutil

import pytest

from chatapp import errors
from chatapp.schemas import answers, pushed, views


def subjects(package):
    """Return the modules of a package."""
    return [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]


SCHEMAS, VIEWS = subjects(answers), subjects(views)

TWINS = {
    views.conversations.ConversationView: answers.conversations.Conversation,
    views.conversations.ConversationsPage: answers.conversations.ConversationsOut,
    views.users.ContactsPage: answers.users.ContactsOut,
    views.entries.EntriesMeta: answers.entries.EntriesMeta,
    views.entries.EntriesPage: answers.entries.EntriesOut,
    views.accounts.Ended: answers.accounts.Ended,
    views.sync.GapView: answers.sync.Gap,
    views.conversations.GroupAnswer: answers.conversations.GroupChangedOut,
    views.entries.HeadView: answers.entries.Head,
    views.conversations.HiddenAnswer: answers.conversations.HiddenOut,
    views.entries.HistoryPage: answers.entries.HistoryOut,
    views.conversations.LastMessageView: answers.conversations.LastMessage,
    views.receipts.MemberReceipt: answers.receipts.MemberReceipt,
    views.conversations.MembersPage: answers.conversations.MembersOut,
    views.conversations.MembersPagination: answers.conversations.MembersPagination,
    views.entries.MessageAnswer: answers.entries.MessageOut,
    views.receipts.MessageReceipts: answers.receipts.MessageReceipts,
    views.entries.MessageChanged: answers.entries.MessageChangedOut,
    views.entries.MessageView: answers.entries.Message,
    views.entries.ForwardedView: answers.entries.Forwarded,
    views.entries.FailedForward: answers.entries.FailedForward,
    views.entries.ForwardAnswer: answers.entries.ForwardedOut,
    views.entries.MentionView: answers.entries.Mention,
    views.entries.QuoteView: answers.entries.Quote,
    views.entries.VersionView: answers.entries.Version,
    views.link_previews.LinkPreviewAnswer: answers.link_previews.LinkPreviewOut,
    views.link_previews.LinkPreviewView: answers.link_previews.LinkPreview,
    views.media.AttachmentView: answers.media.Attachment,
    views.media.GalleryRow: answers.media.GalleryRow,
    views.media.GalleryPagination: answers.media.GalleryPagination,
    views.media.GalleryPage: answers.media.GalleryOut,
    views.media.MediaView: answers.media.Media,
    views.media.VoiceUploaded: answers.media.VoiceUploadedOut,
    views.search.FoundMessage: answers.search.Found,
    views.search.SearchPagination: answers.search.SearchPagination,
    views.search.SearchPage: answers.search.SearchOut,
    views.own.OwnChanged: answers.own.OwnChanged,
    views.accounts.OwnUserView: answers.accounts.UserWithToken,
    views.own.DraftView: answers.own.Draft,
    views.own.OwnView: answers.own.Own,
    views.users.ParticipantView: answers.users.Participant,
    views.users.Person: answers.users.Sender,
    views.entries.PlaceView: answers.entries.Place,
    views.users.PresenceView: answers.users.Presence,
    views.accounts.PrivacyView: answers.accounts.Privacy,
    views.accounts.ProfileChanged: answers.accounts.ProfileChangedOut,
    views.users.ProfileView: answers.users.Profile,
    views.sync.ProofView: answers.sync.Proof,
    views.receipts.PushedRead: pushed.ReceiptPushed,
    views.receipts.PushedReceipt: pushed.MarksPushed,
    views.receipts.ReadView: answers.receipts.Read,
    views.receipts.ReceiptView: answers.receipts.Receipt,
    views.entries.ReactionView: answers.entries.Reaction,
    views.entries.SeqPagination: answers.entries.SeqPagination,
    views.accounts.SessionView: answers.accounts.Session,
    views.accounts.SignedIn: answers.accounts.SignedInOut,
    views.own.SettingsView: answers.own.Settings,
    views.entries.StarsPage: answers.entries.StarsOut,
    views.entries.StarsPagination: answers.entries.StarsPagination,
    views.conversations.SkipPagination: answers.conversations.SkipPagination,
    views.sync.Synced: answers.sync.Synced,
    views.sync.SyncedConversation: answers.sync.SyncedConversation,
    views.accounts.Tokens: answers.accounts.TokensOut,
    views.receipts.TraceView: answers.receipts.Trace,
    views.users.TypingView: pushed.TypingPushed,
    views.users.UserView: answers.users.User,
    errors.Envelope: answers.envelope.ErrorOut,
    errors.Failure: answers.envelope.ErrorBody,
}
ENVELOPE = {"success", "requestId"}  # what the transports add to an answer


@pytest.mark.parametrize(("view", "schema"), TWINS.items(), ids=lambda twin: twin.__name__)
def test_a_view_has_the_fields_that_are_documented(view, schema):
    fields = {name: field.required for name, field in schema().fields.items()}
    if issubclass(schema, answers.envelope.Out):
        fields = {name: required for name, required in fields.items() if name not in ENVELOPE}
    assert fields == {name: name in view.__required_keys__ for name in view.__annotations__}


def test_every_view_is_compared():
    shared_parts = {"Data", "ChangeView", "ConversationRef", "WhyEmpty"}
    changes = {"MembersAdded", "MemberGone", "RoleView", "RolesChanged", "GroupChanged"}
    changes |= {
        "TargetView",
        "MessageEdited",
        "MessageDeleted",
        "Reacted",
        "Pinned",
        "Unpinned",
    }  # documented in protocol.md
    steps = {"AcceptedStep", "StoredStep", "AnnouncedStep", "TraceSteps"}
    defined = {
        name
        for module in VIEWS
        for name, each in vars(module).items()
        if getattr(each, "__module__", "") == module.__name__
    }
    assert defined - {view.__name__ for view in TWINS} - shared_parts - changes - steps == {"T_co"}
