"""The provider's door: what is said of mails that left, by somebody who proves to be the provider.

Every request needs WEBHOOK_SECRET; a provider that signs its requests needs its signature too. django-anymail reads the
payloads; whatever it reads is only stored, so that the provider never has to ask twice.
"""

from __future__ import annotations

import logging
from typing import Any

from anymail.exceptions import AnymailError, AnymailWebhookValidationFailure
from anymail.webhooks.amazon_ses import AmazonSESBaseWebhookView, AmazonSESTrackingWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter import events, tasks
from newsletter.web import signatures
from newsletter.web.answers import clock

logger = logging.getLogger(__name__)


class _AmazonSes(AmazonSESTrackingWebhookView):
    """Reads payloads only. Anymail's own start wants boto3, to confirm subscriptions; a signed address is enough."""

    auto_confirm_enabled = False

    def __init__(self, **arguments: Any) -> None:
        super(AmazonSESBaseWebhookView, self).__init__(**arguments)


_VIEWS: dict[str, Any] = {
    "amazon_ses": _AmazonSes,
    "brevo": BrevoTrackingWebhookView,
    "mailgun": MailgunTrackingWebhookView,
    "mailjet": MailjetTrackingWebhookView,
    "postmark": PostmarkTrackingWebhookView,
    "resend": ResendTrackingWebhookView,
    "sendgrid": SendGridTrackingWebhookView,
    "sparkpost": SparkPostTrackingWebhookView,
}
# What anymail checks itself, by the name under which its views take the key.
_ANYMAIL_KEYS = {"mailgun": "webhook_signing_key", "sendgrid": "tracking_webhook_verification_key"}
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, AnymailError)


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """200: stored. 403: secret or signature is wrong. 400: unreadable, not worth sending again. HEAD: the door is here."""
    if request.method == "HEAD":
        return HttpResponse()
    if provider == "amazon_ses" and "Authorization" not in request.headers:
        challenge = {"WWW-Authenticate": 'Basic realm="webhooks"'}  # SNS sends its password only when asked
        return HttpResponse(status=401, headers=challenge)
    try:
        view = _proven(request, provider)
        told = view.parse_events(request)
    except AnymailWebhookValidationFailure as refused:
        logger.warning("a webhook of %s was refused: %s", provider, refused)
        return HttpResponse("The secret or the signature is wrong.", status=403, content_type="text/plain")
    except _UNREADABLE as error:
        logger.warning("a webhook of %s cannot be read: %s", provider, type(error).__name__)
        return HttpResponse("The notice cannot be read.", status=400, content_type="text/plain")
    if events.record(told, provider=view.esp_name, now=clock()).kept:
        tasks.ring("record")
    return HttpResponse()


def _proven(request: HttpRequest, provider: str) -> Any:
    """Anymail's view of this provider, once the request is proven to be its. Raises AnymailWebhookValidationFailure."""
    key = settings.WEBHOOK_KEYS.get(provider, "")
    if provider in events.KEYED and not key:
        raise AnymailWebhookValidationFailure(f"WEBHOOK_KEYS holds no key of {provider}")
    arguments: dict[str, Any] = {_ANYMAIL_KEYS[provider]: key} if provider in _ANYMAIL_KEYS else {}
    if provider == "sparkpost":
        arguments["track_initial_open_as_opened"] = True  # SparkPost may send either; each proves the delivery
    view = _VIEWS[provider](webhook_secret=settings.WEBHOOK_SECRET.split(), **arguments)
    view.run_validators(request)
    if provider == "resend" and not signatures.is_of_svix(request, key, now=clock()):
        raise AnymailWebhookValidationFailure("Resend: the signature is wrong or more than five minutes old")
    if provider == "amazon_ses":
        if not signatures.is_of_sns(request):
            raise AnymailWebhookValidationFailure("Amazon SNS: the signature is wrong")
        signatures.confirm_subscription(request)
    return view


urlpatterns = [re_path(rf"^(?P<provider>{'|'.join(_VIEWS)})/tracking/$", receive)]
