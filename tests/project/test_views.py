"""The types of answers and their documented schemas say the same."""

import pytest

from chatapp import errors
from chatapp.schemas import answers, pushed, views

TWINS = {
    views.ConversationView: answers.Conversation,
    views.ConversationsPage: answers.ConversationsOut,
    views.ContactsPage: answers.ContactsOut,
    views.EntriesMeta: answers.EntriesMeta,
    views.EntriesPage: answers.EntriesOut,
    views.Ended: answers.Ended,
    views.GapView: answers.Gap,
    views.GroupAnswer: answers.GroupChangedOut,
    views.HeadView: answers.Head,
    views.HiddenAnswer: answers.HiddenOut,
    views.HistoryPage: answers.HistoryOut,
    views.LastMessageView: answers.LastMessage,
    views.MemberReceipt: answers.MemberReceipt,
    views.MembersPage: answers.MembersOut,
    views.MembersPagination: answers.MembersPagination,
    views.MessageAnswer: answers.MessageOut,
    views.MessageReceipts: answers.MessageReceipts,
    views.MessageView: answers.Message,
    views.OwnUserView: answers.UserWithToken,
    views.ParticipantView: answers.Participant,
    views.Person: answers.Sender,
    views.PlaceView: answers.Place,
    views.PresenceView: answers.Presence,
    views.PrivacyView: answers.Privacy,
    views.ProfileChanged: answers.ProfileChangedOut,
    views.ProfileView: answers.Profile,
    views.ProofView: answers.Proof,
    views.PushedRead: pushed.ReceiptPushed,
    views.PushedReceipt: pushed.MarksPushed,
    views.ReadView: answers.Read,
    views.ReceiptView: answers.Receipt,
    views.SeqPagination: answers.SeqPagination,
    views.SessionView: answers.Session,
    views.SignedIn: answers.SignedInOut,
    views.SkipPagination: answers.SkipPagination,
    views.Synced: answers.Synced,
    views.SyncedConversation: answers.SyncedConversation,
    views.Tokens: answers.TokensOut,
    views.TraceView: answers.Trace,
    views.TypingView: pushed.TypingPushed,
    views.UserView: answers.User,
    errors.Envelope: answers.ErrorOut,
    errors.Failure: answers.ErrorBody,
}
ENVELOPE = {"success", "requestId"}  # what the transports add to an answer


@pytest.mark.parametrize(("view", "schema"), TWINS.items(), ids=lambda twin: twin.__name__)
def test_a_view_has_the_fields_that_are_documented(view, schema):
    fields = {name: field.required for name, field in schema().fields.items()}
    if issubclass(schema, answers.Out):
        fields = {name: required for name, required in fields.items() if name not in ENVELOPE}
    assert fields == {name: name in view.__required_keys__ for name in view.__annotations__}


def test_every_view_is_compared():
    shared_parts = {"Data", "ChangeView", "ConversationRef", "WhyEmpty"}
    changes = {"MembersAdded", "MemberGone", "RoleView", "RolesChanged", "GroupChanged"}  # documented in protocol.md
    steps = {"AcceptedStep", "StoredStep", "AnnouncedStep", "TraceSteps"}
    defined = {name for name, each in vars(views).items() if getattr(each, "__module__", "") == views.__name__}
    assert defined - {view.__name__ for view in TWINS} - shared_parts - changes - steps == {"T_co"}
