//= link shop.css
