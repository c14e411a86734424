from django.conf import settings
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path
from django.views.static import serve

from shop.models import Tea

VERSION = "first"


def front_page(_):
    Tea.objects.create(name="green")
    return HttpResponse(f"{VERSION} {Tea.objects.count()} {static('shop.css')}")


urlpatterns = [
    path("", front_page),
    path("static/<path:path>", serve, {"document_root": settings.STATIC_ROOT}),
]
