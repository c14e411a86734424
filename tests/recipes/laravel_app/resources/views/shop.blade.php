<h1>{{ $name }}</h1>
